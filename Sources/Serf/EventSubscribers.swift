import SerfCore
import Synchronization

/// All subscribers to a node's events. Events are pushed on the node's loop; subscribing may happen anywhere.
package final class EventSubscribers: Sendable {
  private struct State {
    var buffers: [EventBuffer] = []
    var isFinished = false
  }

  private let state = Mutex(State())

  package init() {}

  package func subscribe(capacity: Int = 4096) -> SerfEvents {
    let buffer = EventBuffer(capacity: capacity)
    state.withLock { state in
      if state.isFinished { return buffer.finish() }
      state.buffers.append(buffer)
    }
    return SerfEvents(buffer: buffer)
  }

  func push(_ event: Event) {
    let buffers = state.withLock { state in
      state.buffers.removeAll(where: \.isFinished)
      return state.buffers
    }
    for buffer in buffers { buffer.push(event) }
  }

  func finish() {
    let buffers = state.withLock { state in
      state.isFinished = true
      defer { state.buffers = [] }
      return state.buffers
    }
    for buffer in buffers { buffer.finish() }
  }
}
