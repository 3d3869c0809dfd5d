import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("tags")
struct TagsTests {
  @Test("exist from the start")
  func initial() throws {
    let node = try TestNode(tags: ["role": "web", "dc": "east"])
    #expect(node.core.localMember?.tags == ["role": "web", "dc": "east"])
  }

  @Test("of others are read from their meta")
  func others() throws {
    let node = try TestNode()
    node.meet("a", tags: ["role": "db"])
    #expect(node.core.members.first { $0.name == "a" }?.tags == ["role": "db"])
    node.meet("a", incarnation: 2, tags: ["role": "cache"])
    #expect(node.core.members.first { $0.name == "a" }?.tags == ["role": "cache"])
    #expect(node.memberEvents == ["join a", "update a"])
  }

  @Test("can be replaced, and an update event reports that")
  func replaced() throws {
    let node = try TestNode(tags: ["role": "web"])
    try node.with { (core, now) throws(SerfCoreError) in try core.setTags(["role": "db"], request: RequestID(1), at: now) }
    #expect(node.core.localMember?.tags == ["role": "db"])
    #expect(node.memberEvents == ["update me"])
    #expect(node.replies[RequestID(1)] == .done(isSpread: true))
  }

  @Test("that take more than 512 bytes are refused, at creation and later, and change nothing")
  func tooLarge() throws {
    let tags = ["a": String(repeating: "x", count: 510)]
    let error = SerfCoreError.tagsTooLarge(byteCount: 517, limit: 512)
    #expect(throws: error) { try TestNode(tags: tags) }
    let node = try TestNode(tags: ["role": "web"])
    #expect(throws: error) {
      try node.with { (core, now) throws(SerfCoreError) in try core.setTags(tags, request: RequestID(1), at: now) }
    }
    #expect(node.core.localMember?.tags == ["role": "web"])
  }

  @Test("read again before anything else happens have the change, so that a second one keeps it")
  func changedTwice() throws {
    let node = try TestNode(tags: ["role": "web", "dc": "east"])
    try node.with { (core, now) throws(SerfCoreError) in
      var tags = core.ownTags
      tags["a"] = "1"
      tags["dc"] = nil
      try core.setTags(tags, request: RequestID(1), at: now)
      tags = core.ownTags
      #expect(tags == ["role": "web", "a": "1"])
      tags["role"] = "db"
      tags["b"] = "2"
      try core.setTags(tags, request: RequestID(2), at: now)
    }
    #expect(node.core.localMember?.tags == ["role": "db", "a": "1", "b": "2"])
  }

  @Test("that are not UTF-8 stay different text")
  func notText() throws {
    var meta = TagMap.encode(meta: ["kX": "vX", "kY": "a\\"])
    for (index, byte) in meta.enumerated() {
      if byte == UInt8(ascii: "X") { meta[index] = 0xfe }
      if byte == UInt8(ascii: "Y") { meta[index] = 0xff }
    }
    #expect(TagMap.decode(meta: meta.span.bytes).tags == [#"k\xfe"#: #"v\xfe"#, #"k\xff"#: "a\\"])
  }

  @Test("that just fit are accepted")
  func largest() throws {
    let node = try TestNode(tags: ["a": String(repeating: "x", count: 505)])
    #expect(node.core.localMember?.tags["a"]?.count == 505)
  }
}
