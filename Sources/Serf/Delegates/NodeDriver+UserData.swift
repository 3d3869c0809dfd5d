import Memberlist
import SerfCore
package import SerfPrimitives

// The program's own data: the verbs of ``NodeDriver``.
extension NodeDriver {
  package func setUserState(_ state: [UInt8], _ done: Completion<Void>) {
    done(
      mutate { core, _ -> Result<Void, SerfError> in
        do throws(SerfCoreError) {
          try core.setUserState(state)
          return .success(())
        } catch { return .failure(SerfError(error)) }
      })
  }

  package func send(_ message: [UInt8], to name: NodeName, _ done: @escaping Completion<Void>) {
    request(done) { core, id, now throws(SerfCoreError) in
      try core.send(message, to: name, request: id, at: now)
    } reply: { reply in
      switch reply {
      case .messageEnded(let failure): failure.map { .failure(SerfError($0, to: name)) } ?? .success(())
      case .joined, .done, .shutDown: .failure(.shutDown)
      }
    }
  }
}

extension SerfError {
  init(_ failure: NodeMessageFailure, to name: NodeName) {
    switch failure {
    case .unsupported:
      self.init(.unsupported, "\(name) is of a version that reads no messages between nodes; upgrade it")
    case .contact(let reason):
      self.init(
        .notDelivered,
        "\(name) did not take the message: \(JoinFailure.contact(reason).reason(asksForUs: false)). Try again, or see its log")
    }
  }
}
