import Dispatch
import Logging
import SerfAgent
import Synchronization
import Testing

@Suite("the agent's log")
struct AgentLogTests {
  private let printed = Lines()
  private let log: AgentLog
  private let console: Console

  /// What was written to the console.
  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func append(_ text: String) { lines.withLock { $0.append(text) } }
    var all: [String] { lines.withLock { $0 } }
  }

  init() {
    console = Console { [printed] in printed.append($0) }
    log = AgentLog(console: console, level: .info) { "T" }
  }

  @Test("lines are held back until the banner is out, and then printed as they come, from the agent's level up")
  func gate() {
    let logger = log.logger("agent")
    logger.info("one")
    logger.debug("low")
    console.output("Serf agent running!")
    console.flush()
    #expect(printed.all == ["==> Serf agent running!\n"])
    log.release()
    logger.warning("two")
    logger.error("three")
    log.level = .error
    logger.warning("low now")
    console.flush()
    #expect(printed.all.dropFirst() == ["    T [INFO] agent: one\n", "    T [WARN] agent: two\n", "    T [ERR] agent: three\n"])
  }

  @Test("a monitor begins with the last 512 lines of its level, whatever the agent prints")
  func ring() async {
    let logger = log.logger("serf")
    for index in 1...600 { logger.debug("\(index)") }
    logger.info("last")
    var lines = log.monitor(.debug).makeAsyncIterator()
    #expect(await lines.next() == "T [DEBUG] serf: 90")
    for _ in 0..<510 { _ = await lines.next() }
    #expect(await lines.next() == "T [INFO] serf: last")
    var high = log.monitor(.info).makeAsyncIterator()
    #expect(await high.next() == "T [INFO] serf: last")
  }

  @Test("a trace line is built only while a monitor asks for it")
  func trace() async {
    let logger = log.logger("serf")
    logger.trace("\(unexpected("trace without a reader"))")
    var lines = log.monitor(.trace).makeAsyncIterator()
    logger.trace("now")
    #expect(await lines.next() == "T [TRACE] serf: now")
  }

  private func unexpected(_ text: Comment) -> String {
    Issue.record(text)
    return ""
  }

  @Test(
    "what a peer put into a message cannot fake a line or steer the terminal",
    arguments: [
      ("plain", "plain"), ("esc \u{1b}[2J", "esc \\u{1b}[2J"), ("two\nlines\r\t.", #"two\u{a}lines\u{d}\u{9}."#), ("ünïcode", "ünïcode"),
      ("\u{202e}x", "\\u{202e}x"),
      (#"escaped \xff ü"#, #"escaped \xff ü"#),
    ])
  func escaping(message: String, line: String) async {
    log.logger("agent").info("\(message)")
    var lines = log.monitor(.info).makeAsyncIterator()
    #expect(await lines.next() == "T [INFO] agent: " + line)
  }

  @Test("a monitor that reads too slowly loses the newest lines, and a line in their place says how many")
  func slowMonitor() async {
    let logger = log.logger("serf")
    var lines = log.monitor(.info).makeAsyncIterator()
    for index in 1...2000 { logger.info("\(index)") }
    for index in 1...1024 { #expect(await lines.next() == "T [INFO] serf: \(index)") }
    #expect(await lines.next() == "T [WARN] agent.ipc: 976 lines dropped, the client reads too slowly")
    for index in 1...1030 { logger.info("again \(index)") }
    #expect(await lines.next() == "T [INFO] serf: again 1")
    logger.info("between")
    for index in 2...1024 { #expect(await lines.next() == "T [INFO] serf: again \(index)") }
    #expect(await lines.next() == "T [WARN] agent.ipc: 6 lines dropped, the client reads too slowly")
    #expect(await lines.next() == "T [INFO] serf: between")
  }

  @Test("lines that do not fit before the banner are counted after it")
  func lateBanner() {
    let logger = log.logger("serf")
    for index in 1...600 { logger.info("\(index)") }
    log.release()
    console.flush()
    #expect(printed.all.count == 513 && printed.all.last == "    (88 more lines were lost before the agent ran)\n")
  }

  @Test("the node's metadata does not follow the text, which says the same")
  func nodeMetadata() async {
    log.logger("serf").info("EventMemberJoin: a 10.0.0.1", metadata: ["serf.member": "a", "serf.address": "10.0.0.1:7946", "x": "1"])
    var lines = log.monitor(.info).makeAsyncIterator()
    #expect(await lines.next() == "T [INFO] serf: EventMemberJoin: a 10.0.0.1 x=1")
  }

  @Test("metadata follows the text, sorted")
  func metadata() async {
    var logger = log.logger("serf")
    logger[metadataKey: "b"] = "2"
    logger.notice("text", metadata: ["a": "1"])
    var lines = log.monitor(.info).makeAsyncIterator()
    #expect(await lines.next() == "T [INFO] serf: text a=1 b=2")
  }

  @Test("time stamps are Go's")
  func timestamp() {
    let text = AgentLog.localTime()
    #expect(text.count == 19 && Array(text.utf8)[4] == UInt8(ascii: "/") && Array(text.utf8)[10] == UInt8(ascii: " "))
  }

  @Test("a reader that does not read does not keep the agent from ending, and gets the waiting lines when it reads")
  func unreadConsole() {
    let reads = DispatchSemaphore(value: 0)
    let console = Console { [printed] text in
      reads.wait()
      printed.append(text)
    }
    console.line("last words")
    #expect(!console.flush(within: .milliseconds(50)))
    reads.signal()
    #expect(console.flush(within: .seconds(60)))
    #expect(printed.all == ["last words\n"])
  }
}
