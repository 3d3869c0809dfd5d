import SerfCommand
import Testing

@Suite("Go's flag rules")
struct GoFlagsTests {
  @Test(
    "one dash or two, value joined or next, switches with an optional value, words end the flags",
    arguments: [
      ("-name x", "--name=x"), ("--name x", "--name=x"), ("-name=x", "--name=x"), ("--name=x=y", "--name=x=y"), ("-name=", "--name="),
      ("-name -x", "--name=-x"), ("-detailed", "--detailed"), ("-detailed=true -name x", "--detailed --name=x"), ("-detailed=0", ""),
      ("--detailed=F", ""), ("-coalesce", "--coalesce=true"), ("-coalesce=false a", "--coalesce=false -- a"), ("a -name x", "-- a -name x"),
      ("-detailed a -b", "--detailed -- a -b"), ("-- a -b", "-- a -b"), ("-- -name", "-- -name"), ("-", "-- -"), ("-name", "--name"),
    ])
  func normalised(line: String, result: String) throws {
    let words = line.split(separator: " ").map(String.init)
    #expect(try GoFlags.normalise(words, switches: ["detailed"], booleans: ["coalesce"], freeWords: true).joined(separator: " ") == result)
  }

  @Test("what is no flag", arguments: ["-=x", "---name", "--=", "-detailed=maybe", "-coalesce=", "a -b", "-detailed a - -b", "a --"])
  func misuse(line: String) {
    let words = line.split(separator: " ").map(String.init)
    #expect(throws: GoFlags.Misuse.self) { try GoFlags.normalise(words, switches: ["detailed"], booleans: ["coalesce"]) }
  }

  @Test(
    "durations",
    arguments: [
      ("15s", .seconds(15)), ("600ms", .milliseconds(600)), ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)), ("0", .zero),
      ("2us", .microseconds(2)), ("7ns", .nanoseconds(7)),
    ] as [(String, Duration)])
  func duration(text: String, duration: Duration) {
    #expect(GoDuration(argument: text)?.duration == duration)
  }

  @Test("texts that are no duration", arguments: ["", "15", "s", "1.2.3s", "-5s", "1d", "1 s", "999999999999h", "nan", "infs"])
  func noDuration(text: String) {
    #expect(GoDuration(argument: text) == nil)
  }
}
