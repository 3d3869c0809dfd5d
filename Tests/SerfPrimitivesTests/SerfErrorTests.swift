import SerfPrimitives
import Testing

@Suite struct SerfErrorTests {
  private struct Cause: Error, CustomStringConvertible { let description = "no route" }

  private static let codes: [(SerfError.Code, String)] = [
    (.configuration, "configuration"), (.credentials, "credentials"), (.bind, "bind"), (.noAddress, "noAddress"),
    (.joinFailed, "joinFailed"), (.state, "state"), (.tooLarge, "tooLarge"), (.broadcastTimeout, "broadcastTimeout"),
    (.timedOut, "timedOut"), (.argument, "argument"), (.notAnswerable, "notAnswerable"), (.nameConflict, "nameConflict"),
    (.unsupported, "unsupported"), (.disabled, "disabled"), (.noCoordinate, "noCoordinate"),
  ]

  @Test("codes differ from each other, and print their names")
  func codes() {
    #expect(Set(Self.codes.map(\.0)).count == Self.codes.count)
    for (code, name) in Self.codes { #expect("\(code)" == name) }
  }

  @Test("a caller can pick a code in a catch, in an expression and in a switch, with the error in a logger's autoclosure")
  func catching() throws {
    func verb() throws { throw SerfError(.joinFailed, "none answered") }
    func log(_ message: @autoclosure () -> String) -> String { message() }
    func attempt() throws -> String {
      do { try verb() } catch let error as SerfError where error.code == .joinFailed { return log("\(error)") }
      return ""
    }
    #expect(try attempt() == "none answered")
    let isTemporary =
      switch SerfError(.timedOut, "").code {
      case .timedOut, .broadcastTimeout: true
      default: false
      }
    #expect(isTemporary)
  }

  @Test("the description is the message, and the cause after a colon")
  func description() {
    #expect(SerfError(.bind, "cannot bind").description == "cannot bind")
    #expect(SerfError(.bind, "cannot bind", cause: Cause()).description == "cannot bind: no route")
    #expect(SerfError(.bind, "cannot bind", cause: Cause()).cause is Cause)
    #expect(SerfError(.bind, Cause()).cause is Cause)
    #expect(SerfError(.bind, Cause()).description == "no route", "said once")
  }

  @Test("an attempt prints the address as it was written, the one contacted if that says more, and why")
  func attempts() {
    let contacted = NodeAddress(ipv4: 10, 0, 0, 1, port: 7946)
    #expect("\(JoinAttempt(address: "web", contacted: contacted, reason: .timedOut))" == "web (10.0.0.1:7946): no answer in time")
    #expect("\(JoinAttempt(address: "10.0.0.1:7946", contacted: contacted, reason: nil))" == "10.0.0.1:7946: joined")
    let named = JoinAttempt(address: "b/10.0.0.1:7946", contacted: contacted, reason: .otherName)
    #expect("\(named)" == "b/10.0.0.1:7946: another node answers there")
    #expect("\(JoinAttempt(address: "web", reason: .unresolved("no such host")))" == "web: no such host")
    #expect("\(JoinAttempt(address: "web", reason: .noAnswer, message: "no answer. Is it on?"))" == "web: no answer. Is it on?")
    #expect("\(JoinAttempt(address: "a", reason: .certificateRefused(.theirs)))" == "a: we refuse its certificate")
    #expect("\(JoinAttempt(address: "a", reason: .certificateRefused(.ours)))" == "a: it refuses our certificate")
  }
}
