package import SerfWire

// Requests with which a connection begins, and with which a stream on it begins and ends.

/// The first request of a connection.
package struct HandshakeRequest: RPCBody, Hashable {
  /// The protocol version that the client speaks: always 1.
  package var version: Int32

  package init(version: Int32 = 1) {
    self.version = version
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Version") {
      if key.equals("Version") {
        version = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Version", Int(version))
  }
}

/// Proves that the client knows the agent's key.
package struct AuthRequest: RPCBody, Hashable {
  package var authKey: String

  package init(authKey: String = "") {
    self.authKey = authKey
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "AuthKey") {
      if key.equals("AuthKey") {
        authKey = try reader.readText()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("AuthKey", text: authKey)
  }
}

/// Asks for a stream of events.
package struct StreamRequest: RPCBody, Hashable {
  /// An event filter, such as `member-join,user:deploy`; empty for everything.
  package var type: String

  package init(type: String = "") {
    self.type = type
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Type") {
      if key.equals("Type") {
        type = try reader.readText()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Type", text: type)
  }
}

/// Asks for a stream of log lines.
package struct MonitorRequest: RPCBody, Hashable {
  /// The lowest level wanted, in upper or lower case.
  package var logLevel: String

  package init(logLevel: String = "") {
    self.logLevel = logLevel
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LogLevel") {
      if key.equals("LogLevel") {
        logLevel = try reader.readText()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("LogLevel", text: logLevel)
  }
}

/// Ends a stream.
package struct StopRequest: RPCBody, Hashable {
  /// The sequence number of the request that began it.
  package var stop: UInt64

  package init(stop: UInt64 = 0) {
    self.stop = stop
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Stop") {
      if key.equals("Stop") {
        stop = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Stop", stop)
  }
}
