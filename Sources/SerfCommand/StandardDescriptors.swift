#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Standard input, output and error, which a parent may have closed.
///
/// The next file or socket that is opened would get such a number, and printed text would go into it: into a database, the epoll instance of an event
/// loop, or the private key that `serf certs` is writing.
enum StandardDescriptors {
  /// Opens those that are closed on `/dev/null`. Call it before any other code opens a descriptor.
  static func fill() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      // The lowest free number is the one that is missing, because those below it are open by now.
      let opened = open("/dev/null", O_RDWR)
      guard opened != descriptor else { continue }
      // Without /dev/null nothing can be printed anywhere; it is better to end than to print into the program's own files.
      exit(1)
    }
  }
}
