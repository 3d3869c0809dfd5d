#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Standard input, output and error, which a parent may have closed.
///
/// The next file or socket that is opened would get such a number, and what is printed would go into it: log lines into a database, or
/// the epoll instance of an event loop, or the private key that `serf certs` is writing.
enum StandardDescriptors {
  /// Opens those that are closed on `/dev/null`. To be called before anything else opens a descriptor.
  static func fill() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      // The lowest free number is the one that is missing, since those below it are open by now.
      let opened = open("/dev/null", O_RDWR)
      guard opened != descriptor else { continue }
      // Without /dev/null nothing can be printed anywhere; better no program than one that prints into its own files.
      exit(1)
    }
  }
}
