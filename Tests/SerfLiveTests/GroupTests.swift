import NIOCore
import NIOPosix
import Serf
import SerfTransport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The threads that nodes work on.
@Suite struct GroupTests {
  @Test("nodes on a group given by the host never touch the one that NIO shares in the process")
  func ownGroup() async {
    // In a process of its own: other suites of this one use the shared group.
    await #expect(processExitsWith: .success) {
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let nodes = try ["a", "b"].map { name in
        try SerfNode(
          transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: .test(NodeName(name)),
          eventLoopGroup: group)
      }
      let events = nodes[0].events()
      try await nodes[1].join([nodes[0].localAddress().description])
      try await nodes[1].userEvent("done")
      for await case .user(let event) in events where event.name == "done" { break }
      for node in nodes {
        try await node.leave()
        await node.shutdown()
      }
      precondition(threads().contains { $0.hasPrefix("NIO-ELT") }, "\(threads())")
      precondition(!threads().contains { $0.hasPrefix("NIO-SGLTN") }, "\(threads())")
      // The look at the threads would have shown it.
      try await MultiThreadedEventLoopGroup.singleton.next().submit {}.get()
      precondition(threads().contains { $0.hasPrefix("NIO-SGLTN") }, "\(threads())")
      try await group.shutdownGracefully()
    }
  }
}

/// The names of this process's threads.
private func threads() -> [String] {
  guard let directory = opendir("/proc/self/task") else { return [] }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    let id = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard !id.hasPrefix("."), let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
    defer { fclose(file) }
    let name = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in count = fread(buffer.baseAddress, 1, 32, file) }
    names.append(String(decoding: name.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }
  return names
}
