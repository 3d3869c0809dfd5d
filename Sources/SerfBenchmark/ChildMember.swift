import NIOPosix
import Serf

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A member in a process of its own: this program again, so that its crash is that of a process, whose sockets close without a word to anyone.
///
/// It ends when its standard input does, so it does not outlive the process that started it, however that one ends.
struct ChildMember {
  struct ChildError: Error, CustomStringConvertible {
    let description: String
  }

  private let process: pid_t
  /// What the child reads; it ends when this is closed.
  private let input: CInt

  /// Starts a member that joins `seed`, and returns once it has joined.
  static func start(_ name: String, _ papers: NodePapers, seed: String, _ conditions: Conditions) async throws -> ChildMember {
    let (input, output) = (try Pipe(), try Pipe())
    defer { close(input.reading) }
    defer { close(output.reading) }
    let words = [
      "serf-bench", "--as-member", name, "--seed", seed, "--transport", conditions.transport.rawValue, "--profile", conditions.profile,
    ]
    let process: pid_t
    do {
      defer { close(output.writing) }
      process = try spawn("/proc/self/exe", words, input: input.reading, output: output.writing)
    } catch {
      close(input.writing)
      throw error
    }
    let child = ChildMember(process: process, input: input.writing)
    let text = papers.authorities + [0] + papers.certificate + [0] + papers.privateKey + [0]
    guard text.withUnsafeBytes({ write(input.writing, $0.baseAddress, $0.count) }) == text.count,
      try await readLine(output.reading) == "joined"
    else {
      child.kill()
      throw ChildError(description: "the process that is to crash did not join")
    }
    return child
  }

  /// Ends it without a warning. Returns the moment just before.
  @discardableResult
  func kill() -> ContinuousClock.Instant {
    let moment = ContinuousClock.now
    #if canImport(Glibc)
      _ = Glibc.kill(process, SIGKILL)
    #elseif canImport(Musl)
      _ = Musl.kill(process, SIGKILL)
    #endif
    waitpid(process, nil, 0)
    close(input)
    return moment
  }

  /// What the child does.
  static func run(_ name: String, seed: String, transport: BenchTransport, profile: String) async throws {
    let texts = try await NIOThreadPool.singleton.runIfActive { readTexts(3) }
    guard texts.count == 3 else { throw ChildError(description: "standard input ended before the certificates were complete") }
    let papers = NodePapers(authorities: texts[0], certificate: texts[1], privateKey: texts[2])
    let node = try NodeFactory.make(name, papers, transport: transport, profile: profile)
    try await node.start()
    guard try await node.join([seed]) > 0 else { throw ChildError(description: "no member answered at \(seed)") }
    print("joined")
    ProcessUsage.flush()
    _ = try await NIOThreadPool.singleton.runIfActive { readTexts(1) }
    await node.shutdown()
  }

  // MARK: Private parts

  /// A pipe whose ends no other child inherits.
  private struct Pipe {
    let reading: CInt
    let writing: CInt

    init() throws {
      var ends: [CInt] = [0, 0]
      guard pipe(&ends) == 0 else { throw ChildError(description: "cannot make a pipe: errno \(errno)") }
      (reading, writing) = (ends[0], ends[1])
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }
  }

  private static func spawn(_ path: String, _ words: [String], input: CInt, output: CInt) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, path, &actions, nil, &arguments, environ)
    guard code == 0 else { throw ChildError(description: "cannot start a member in a process of its own: errno \(code)") }
    return process
  }

  /// The first line, or what came in 30 s.
  private static func readLine(_ descriptor: CInt) async throws -> String {
    try await NIOThreadPool.singleton.runIfActive {
      var text: [UInt8] = []
      let end = ContinuousClock.now + .seconds(30)
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      while !text.contains(10), ContinuousClock.now < end {
        guard poll(&waiting, 1, 100) > 0 else { continue }
        var byte: UInt8 = 0
        guard read(descriptor, &byte, 1) == 1 else { break }
        text.append(byte)
      }
      return String(decoding: text.prefix { $0 != 10 }, as: UTF8.self)
    }
  }

  /// Texts that a zero ends, from standard input; fewer if it ends before.
  private static func readTexts(_ count: Int) -> [[UInt8]] {
    var texts: [[UInt8]] = []
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while texts.count < count, read(0, &byte, 1) == 1 {
      if byte == 0 {
        texts.append(text)
        text = []
      } else {
        text.append(byte)
      }
    }
    return texts
  }
}
