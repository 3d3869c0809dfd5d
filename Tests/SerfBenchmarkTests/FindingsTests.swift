import Testing
import serf_bench

@Suite struct FindingsTests {
  @Test("a failure counts always, a broken bound only with --strict")
  func lines() {
    var findings = Findings()
    findings.expect(true, orFailed: "this holds")
    findings.bound(true, "so does this")
    #expect(findings.lines(isStrict: true).isEmpty)
    findings.bound(false, "no suspicion")
    #expect(findings.lines(isStrict: false).isEmpty)
    findings.expect(false, orFailed: "3 events did not arrive")
    #expect(findings.lines(isStrict: false) == ["failed: 3 events did not arrive"])
    #expect(findings.lines(isStrict: true) == ["failed: 3 events did not arrive", "violated: no suspicion"])
  }

  @Test("a line is JSON, whatever a reason contains")
  func line() {
    let line = JSONLine().adding("ok", false).adding("joined", 3).adding("join_s", 0.25).adding("reason", "\"x\"\\\n")
    #expect("\(line)" == #"{"ok":false,"joined":3,"join_s":0.25,"reason":"\"x\"\\\u000a"}"#)
  }
}
