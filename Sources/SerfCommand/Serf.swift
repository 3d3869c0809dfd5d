import Dispatch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The `serf` executable: everything happens in ``Frame``.
@main
enum Serf {
  /// Not asynchronous, so that nothing of the runtime stands before its first line.
  static func main() {
    StandardDescriptors.fill()
    Task { exit(await Frame.run(Array(CommandLine.arguments.dropFirst()))) }
    dispatchMain()
  }
}
