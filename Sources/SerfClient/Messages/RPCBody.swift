package import SerfWire

/// One MessagePack object of the agent's RPC: a map whose keys are Go's field names in byte order, in the dialect with `str8` and `bin`
/// (`agent.md` section 1).
///
/// Decoding is tolerant: fields may have any order, unknown ones are skipped, and missing ones are zero.
package protocol RPCBody: Sendable {
  init(from reader: inout MessagePackReader) throws(WireError)
  func encode(to writer: inout MessagePackWriter)
}

extension RPCBody {
  /// The object in `bytes`.
  package init(decoding bytes: RawSpan) throws(WireError) {
    var reader = MessagePackReader(bytes)
    try self.init(from: &reader)
  }

  /// The bytes of the object.
  package var encoded: [UInt8] {
    var writer = MessagePackWriter(.extended)
    encode(to: &writer)
    return writer.finish()
  }
}

/// What comes before every request.
package struct RequestHeader: RPCBody, Hashable {
  /// The command's name; ``RPCCommand`` if we know it.
  package var command = ""
  /// Chosen by the client; the answer and all records of a stream carry it.
  package var sequence: UInt64 = 0

  package init(command: String, sequence: UInt64) {
    self.command = command
    self.sequence = sequence
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Command Seq") {
      if key.equals("Command") {
        command = try reader.readText()
      } else if key.equals("Seq") {
        sequence = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("Command", text: command)
    writer.field("Seq", sequence)
  }
}

/// What comes before every response and every record of a stream.
package struct ResponseHeader: RPCBody, Hashable {
  /// Empty on success.
  package var error = ""
  /// The sequence number of the request.
  package var sequence: UInt64 = 0

  package init(sequence: UInt64, error: String = "") {
    self.sequence = sequence
    self.error = error
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Seq Error") {
      if key.equals("Error") {
        error = try reader.readText()
      } else if key.equals("Seq") {
        sequence = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("Error", text: error)
    writer.field("Seq", sequence)
  }
}
