package import UnixSignals

/// What the running agent waits for.
package enum Occasion: Sendable {
  case signal(UnixSignal)
  /// It is time to check whether the machine has an address now.
  case startAgain
  /// `-join` is done: nil, or why no member could be joined.
  case joined((any Error)?)
  /// A graceful leave that we began has ended: nil, or why it failed.
  case left(String?)
  /// A graceful leave takes longer than we wait for.
  case graceIsOver
  /// An RPC client made the agent leave; the client has its answer.
  case leftByRPC
  /// `-retry-join` has given up.
  case retriesExhausted
  /// The node has stopped by itself.
  case nodeStopped(String?)
}
