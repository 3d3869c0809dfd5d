#if QUIC
  package import SerfIdentity
  import Synchronization

  /// The credentials in force, and the layers that must hear of new ones.
  package final class CredentialRotation: Sendable {
    private struct State {
      var current: Credentials
      var listeners: [@Sendable (Credentials) -> Void] = []
    }

    private let state: Mutex<State>

    package init(_ credentials: Credentials) { state = Mutex(State(current: credentials)) }

    package var current: Credentials { state.withLock { $0.current } }

    package func replace(_ credentials: Credentials) throws(TransportError) {
      let listeners = try state.withLock { state throws(TransportError) -> [@Sendable (Credentials) -> Void] in
        guard credentials.node == state.current.node, credentials.cluster == state.current.cluster else {
          throw TransportError(
            .configuration,
            "the new certificate is for '\(credentials.node)' of cluster '\(credentials.cluster)', not for '\(state.current.node)' of "
              + "'\(state.current.cluster)'. The old one stays in force")
        }
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
