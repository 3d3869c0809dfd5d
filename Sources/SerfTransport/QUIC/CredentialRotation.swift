#if QUIC
  package import SerfIdentity
  package import SerfPrimitives
  import Synchronization

  /// The credentials in force, and the layers that must be told of new ones.
  package final class CredentialRotation: Sendable {
    private struct State {
      var current: Credentials
      var listeners: [@Sendable (Credentials) -> Void] = []
    }

    private let state: Mutex<State>

    package init(_ credentials: Credentials) { state = Mutex(State(current: credentials)) }

    package var current: Credentials { state.withLock { $0.current } }

    package func replace(_ credentials: Credentials) throws(SerfError) {
      let listeners = try state.withLock { state throws(SerfError) -> [@Sendable (Credentials) -> Void] in
        try credentials.check(succeeding: state.current)
        state.current = credentials
        return state.listeners
      }
      for listener in listeners { listener(credentials) }
    }

    package func listen(_ listener: @escaping @Sendable (Credentials) -> Void) {
      state.withLock { $0.listeners.append(listener) }
    }
  }
#endif
