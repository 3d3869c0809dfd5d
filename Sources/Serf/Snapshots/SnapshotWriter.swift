import Logging
import NIOCore
import NIOPosix
import SerfCore
import SerfPrimitives

/// The thread on which a node's snapshot file is read and written, so that no disk ever holds up the node.
///
/// The core has one order in progress at a time, so what waits here is bounded.
package final class SnapshotWriter: Sendable {
  private let file: SnapshotFile
  private let settings: SerfSettings.Snapshot
  private let logger: Logger
  /// One of its own: a disk that hangs keeps it.
  private let thread = NIOThreadPool(numberOfThreads: 1)

  /// Nil when no snapshot is configured.
  init?(_ settings: SerfSettings.Snapshot, _ logger: Logger) {
    guard let path = settings.path else { return nil }
    file = SnapshotFile(path: path)
    self.settings = settings
    self.logger = logger
    thread.start()
  }

  deinit { thread.shutdownGracefully { _ in } }

  /// Reads the file. Fails with ``SerfError`` if there can be none at this path; a file that is damaged, or cannot be read now, is no reason not to start.
  func read(on loop: any EventLoop) -> EventLoopFuture<RestoredState?> {
    thread.runIfActive(eventLoop: loop) { [file, settings, logger] in
      do {
        let start = ContinuousClock.now
        guard let bytes = try file.read() else { return nil }
        let restored = RestoredState(reading: bytes, rejoinAfterLeave: settings.rejoinAfterLeave)
        guard !RestoredState.isForeign(bytes, restored) else {
          throw SerfError(
            .configuration,
            "'\(escaped(settings.path ?? ""))' is not a snapshot, and a node would replace it. Give the path of a snapshot, or of a file that does not exist "
              + "(\(SettingName.snapshot))")
        }
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        logger.info(
          """
          read the snapshot, \(bytes.count) bytes in \(Int(milliseconds)) ms: \(restored.state.members.count) members, and \
          \(restored.state.remembered.entries.count) that had failed
          """)
        return restored
      } catch let error as SnapshotFile.Unusable {
        throw SerfError(
          .configuration,
          "cannot keep a snapshot: \(escaped(error.failure.description)). Give the path of a file in a directory that exists, and that this process "
            + "may read (\(SettingName.snapshot))")
      } catch let failure as SnapshotFailure {
        return RestoredState(unread: failure)
      }
    }
  }

  /// Does what the core wants, in the order in which it wants it.
  func perform(_ order: SnapshotOrder, on loop: any EventLoop) -> EventLoopFuture<Result<Int, SnapshotFailure>> {
    thread.runIfActive(eventLoop: loop) { [file] in file.perform(order) }
  }
}
