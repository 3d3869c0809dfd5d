import SerfCore
import SerfWire
import Testing
import VectorSupport

@Suite struct SerfPushPullTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test("what is written part by part is read back, and its bytes are Go's except for the empty slots")
  func roundTrip() throws {
    var state: [UInt8] = []
    var writer = SerfPushPullWriter(taking: &state, eventTime: 9, slots: 3)
    writer.slot(time: 7, events: 2)
    writer.event(name: bytes("deploy").span.bytes, payload: bytes("v1").span.bytes)
    writer.event(name: bytes("deploy").span.bytes, payload: nil)
    writer.slot(time: 8, events: 0)
    writer.slot(time: 6, events: 1)
    writer.event(name: bytes("x").span.bytes, payload: nil)
    writer.clock(300, left: 1)
    writer.left(bytes("b").span.bytes)
    writer.queryClock(4, statuses: 2)
    writer.status(bytes("a").span.bytes, 1)
    writer.status(bytes("b").span.bytes, 299)
    state = writer.finish()
    #expect(
      try decodeSerfMessage(state.span.bytes).fields
        == inHex([
          "EventLTime": 9,
          "Events": [
            ["LTime": 7, "Events": [["Name": "deploy", "Payload": "v1"], ["Name": "deploy", "Payload": nil]]],
            ["LTime": 8, "Events": []],
            ["LTime": 6, "Events": [["Name": "x", "Payload": nil]]],
          ],
          "LTime": 300, "LeftMembers": ["b"], "QueryLTime": 4, "StatusLTimes": ["a": 1, "b": 299],
        ]))
  }

  @Test("a fresh node's state has Go's bytes without the 2 empty slots of the vector")
  func fresh() throws {
    var state: [UInt8] = []
    var writer = SerfPushPullWriter(taking: &state, eventTime: 1, slots: 0)
    writer.clock(1, left: 0)
    writer.queryClock(1, statuses: 1)
    writer.status(bytes("node-a").span.bytes, 0)
    state = writer.finish()
    let vector = try #require(
      Vectors.file("serf.json")["messages"].array.first { $0["name"].string == "pushpull-min" }?["hex"].string)
    #expect(state.hex == vector.replacing("92c0c0", with: "90"))
  }

  @Test(
    "a state with one bad part is refused as a whole",
    arguments: [
      "81a64576656e74739105",  // a slot that is no struct
      "81a64576656e74739181a64576656e74739105",  // an event that is no struct
      "81ab4c6566744d656d626572739105",  // a name that is no text
      "81ac5374617475734c54696d657381a161a162",  // a time that is no number
      "81ac5374617475734c54696d6573dfffffffff",  // a count beyond the bytes
    ])
  func bad(hex: String) throws {
    let body = try #require([UInt8](hex: hex))
    do throws(WireError) {
      _ = try SerfPushPull(decoding: body.span.bytes)
      Issue.record("decoded")
    } catch {}
  }
}
