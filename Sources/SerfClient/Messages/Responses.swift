package import SerfWire

/// How many of the addresses were contacted.
package struct JoinResponse: RPCBody, Hashable {
  package var count: Int32

  package init(count: Int32 = 0) {
    self.count = count
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Num") {
      if key.equals("Num") {
        count = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Num", Int(count))
  }
}

/// One record of a monitor: a log line with its time stamp, without a newline.
package struct LogRecord: RPCBody, Hashable {
  package var line: String

  package init(line: String = "") {
    self.line = line
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Log") {
      if key.equals("Log") {
        line = try reader.readText()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Log", text: line)
  }
}
