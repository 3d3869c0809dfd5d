#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The `serf` executable: ``Frame`` does all the work.
@main
enum Serf {
  /// It is not asynchronous, so that no code of the runtime runs before its first line.
  static func main() {
    StandardDescriptors.fill()
    switch Frame.start(Array(CommandLine.arguments.dropFirst())) {
    case .ended(let status): exit(status)
    case .asynchronous(let verb):
      Task.detached { exit(await Frame.run(verb)) }
      // Nothing runs on the main queue. `dispatchMain()` would end this thread, and unwinding its stack reads 400 kB of tables.
      while true { pause() }
    }
  }
}
