import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The section `runtime` of the RPC's `stats`: the keys are Go's, so that scripts find them.
package enum Runtime {
  package static var facts: [String: String] {
    [
      "os": "linux",
      "arch": arch,
      "version": "swift6",
      "cpu_count": String(System.coreCount),
      "max_procs": String(System.coreCount),
      // The closest equivalent of Go's count of goroutines.
      "goroutines": String(threadCount),
    ]
  }

  #if arch(x86_64)
    private static let arch = "amd64"
  #elseif arch(arm64)
    private static let arch = "arm64"
  #else
    private static let arch = "unknown"
  #endif

  private static var threadCount: Int {
    guard let directory = unsafe opendir("/proc/self/task") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return max(0, count - 2)
  }
}
