import Testing
import VectorSupport
import serf_bench

@Suite struct CodecMessagesTests {
  @Test("the message of alive is the vector that Go wrote")
  func alive() throws {
    let vector = try #require(try MemberlistVector.all("message").first { $0.name == "alive_ipv4_meta" })
    #expect(CodecMessages.alive() == vector.bytes)
  }

  @Test("the push/pull is as large as Go's, which has the same 20 nodes and user state")
  func pushPull() {
    // serf-bench and Tests/bench/gobench print both sizes.
    #expect(CodecMessages.pushPull().count == 1_700)
  }
}
