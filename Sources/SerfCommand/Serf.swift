import Dispatch

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
    Task { exit(await Frame.run(Array(CommandLine.arguments.dropFirst()))) }
    dispatchMain()
  }
}
