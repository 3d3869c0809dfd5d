import SerfClient
import SerfCommand
import SerfPrimitives
import Testing

@Suite("output of queries")
struct QueryOutputTests {
  private func outcome(showsAcks: Bool = true, _ replies: [AgentQueryReply]) -> QueryOutcome {
    var outcome = QueryOutcome(showsAcks: showsAcks)
    for reply in replies { outcome.add(reply) }
    return outcome
  }

  @Test(
    "a reply is a line; one newline at its end is dropped, and what could steer a terminal is escaped",
    arguments: [
      (.acknowledgement("n1"), "Ack from 'n1'"), (.answer("n1", nil), "Response from 'n1': "),
      (.answer("n1", Array("a\nb\n\n".utf8)), "Response from 'n1': a\n\tb\n"),
      (.answer("n1", Array("\u{1b}[2J\u{202e}".utf8) + [0xff]), "Response from 'n1': \\u{1b}[2J\\u{202e}\\xff"),
      (.acknowledgement(NodeName(bytes: [0x1b])), "Ack from '\\u{1b}'"),
    ] as [(AgentQueryReply, String)])
  func line(reply: AgentQueryReply, text: String) {
    #expect(QueryOutcome.line(reply) == text)
  }

  @Test("totals, with and without acks")
  func totals() {
    let replies: [AgentQueryReply] = [.acknowledgement("b"), .acknowledgement("a"), .answer("a", [49, 10])]
    #expect(outcome(replies).totals == "Total Acks: 2\nTotal Responses: 1")
    #expect(outcome(showsAcks: false, [replies[2]]).totals == "Total Responses: 1")
    #expect(
      outcome(replies + [.answer("A", [0xff])]).json.text
        == "{\n  \"Acks\": [\n    \"b\",\n    \"a\"\n  ],\n  \"Responses\": {\n    \"A\": \"\u{fffd}\",\n    \"a\": \"1\\n\"\n  }\n}")
    #expect(outcome([]).json.text == "{\n  \"Acks\": null,\n  \"Responses\": {}\n}")
  }

  @Test("reachability: members that are missing, members that are not alive, and names that answer twice")
  func reachability() {
    var result = ReachabilityResult(members: 4, live: ["a", "b", "c"])
    let isNew = ["a", "x", "a"].map { result.acknowledged(by: NodeName($0), after: .milliseconds(1)) }
    #expect(isNew == [true, true, false] && !result.isGood)
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(Array(lines[0...2]) == ["Received less acks than live nodes! Missing acks from:", "\tb", "\tc"])
    #expect(lines[4...5] == ["Received more acks than live nodes! Acks from non-live nodes:", "\tx"])
    #expect(result.text.contains("\nDuplicate responses means there is a misconfiguration. "))
    #expect(lines.contains("Troubleshooting tips:") && lines.last?.hasPrefix("* ") == true)
    #expect(
      result.problem == "2 of 3 live members did not answer, 1 answered that count as not alive, and one name answered twice")
    #expect(result.json.text.contains("\"reachable\": false"))
    var good = ReachabilityResult(members: 1, live: ["a"])
    _ = good.acknowledged(by: "a", after: .milliseconds(1))
    #expect(good.isGood && good.text == "Successfully contacted all live nodes")
  }
}
