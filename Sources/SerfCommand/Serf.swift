#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The `serf` executable: everything happens in ``Frame``.
@main
enum Serf {
  static func main() async {
    exit(await Frame.run(Array(CommandLine.arguments.dropFirst())))
  }
}
