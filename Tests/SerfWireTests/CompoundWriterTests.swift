import SerfWire
import Testing
import VectorSupport

@Suite struct CompoundWriterTests {
  @Test("two messages become the bytes of the vector")
  func vector() throws {
    let vector = try #require(try MemberlistVector.all("message").first { $0.name == "compound_ping_suspect" })
    var compound = CompoundWriter()
    Ping(sequenceNumber: 1, node: Array("n".utf8).span.bytes, source: nil, sourceNode: RawSpan()).encode(into: &compound.bytes)
    compound.endPart()
    Suspect(incarnation: 7, node: Array("node-b".utf8).span.bytes, from: Array("node-a".utf8).span.bytes)
      .encode(into: &compound.bytes)
    compound.endPart()
    var packet: [UInt8] = []
    let length = compound.packetLength
    compound.finish(into: &packet)
    #expect(packet.hex == vector.bytes?.hex)
    #expect(length == packet.count)
  }

  @Test("one message is written bare, none gives nothing, and the writer starts again after each")
  func bare() {
    var compound = CompoundWriter()
    var packet: [UInt8] = []
    compound.finish(into: &packet)
    #expect(packet.isEmpty)
    compound.add(.user, ([1, 2] as [UInt8]).span.bytes)
    #expect(compound.packetLength == 3)
    compound.finish(into: &packet)
    #expect(packet == [8, 1, 2])
    #expect(compound.count == 0)
  }

  @Test("127 parts fit and are read back")
  func full() {
    var compound = CompoundWriter()
    for index in 0..<127 {
      #expect(!compound.isFull)
      compound.add([8, UInt8(index)].span.bytes)
    }
    #expect(compound.isFull)
    var packet: [UInt8] = []
    compound.finish(into: &packet)
    #expect(PacketWalkerTests.walk(packet).messages == (0..<127).map { [8, UInt8($0)] })
  }

  @Test("a cancelled part leaves no trace")
  func cancel() {
    var compound = CompoundWriter()
    compound.add(([8, 1] as [UInt8]).span.bytes)
    compound.bytes.append(9)
    compound.cancelPart()
    var packet: [UInt8] = []
    compound.finish(into: &packet)
    #expect(packet == [8, 1])
  }
}
