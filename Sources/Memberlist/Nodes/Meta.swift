import SerfWire

// Absent and empty differ on the wire only: for the core both mean "nothing said".

extension Alive {
  var metaBytes: RawSpan { @_lifetime(copy self) get { if let meta { meta } else { RawSpan() } } }
}

extension PushPullNode {
  var metaBytes: RawSpan { @_lifetime(copy self) get { if let meta { meta } else { RawSpan() } } }
}

extension Ack {
  var payloadBytes: RawSpan { @_lifetime(copy self) get { if let payload { payload } else { RawSpan() } } }
}
