import SerfCore
import Testing

@Suite("The payload of a user event")
struct PayloadTests {
  @Test("goes in as any sequence of bytes, and comes out as text and bytes")
  func anySequence() {
    let expected: UserEvent.Payload = [0x76, 0x31]
    #expect(expected.string == "v1" && expected.bytes == [0x76, 0x31])
    #expect(UserEvent.Payload("v1".utf8) == expected)
    #expect(UserEvent.Payload([0x76, 0x31, 0x32].dropLast()) == expected)
    #expect(UserEvent.Payload(sequence(first: 0x76) { $0 == 0x76 ? 0x31 : nil }) == expected)
    let event = UserEvent(time: 1, nameBytes: [], payload: "v1".utf8, coalesce: false)
    #expect(event.payload == expected)
    #expect(event == UserEvent(time: 1, nameBytes: [], payload: event.payload, coalesce: false))
  }

  @Test("is a collection")
  func collection() {
    let payload = UserEvent.Payload("deploy".utf8)
    #expect(payload.count == 6 && payload[1] == UInt8(ascii: "e") && payload.last == UInt8(ascii: "y"))
    #expect(payload.elementsEqual("deploy".utf8))
    #expect(Array(payload[2...]) == Array("ploy".utf8))
    #expect(UserEvent.Payload(EmptyCollection()).isEmpty)
  }

  @Test("that is no text still has a text")
  func noText() {
    let payload: UserEvent.Payload = [0x61, 0xff, 0x62]
    #expect(payload.string == "a\u{fffd}b" && payload.bytes == [0x61, 0xff, 0x62])
  }
}
