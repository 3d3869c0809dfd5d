internal import SerfPrimitives

/// The connections by their next deadline: a binary heap. Each connection knows its place in it, because deadlines move with every packet.
struct ConnectionTimers {
  private var heap: [QUICConnection] = []

  var first: QUICConnection? { heap.first }

  /// Moves the connection to the place of `deadline`; `distantFuture` removes it.
  mutating func schedule(_ connection: QUICConnection, at deadline: Instant) {
    if deadline == .distantFuture { return remove(connection) }
    connection.timerDeadline = deadline
    if connection.timerIndex < 0 {
      connection.timerIndex = heap.count
      heap.append(connection)
    }
    siftDown(siftUp(connection.timerIndex))
  }

  mutating func remove(_ connection: QUICConnection) {
    let index = connection.timerIndex
    guard index >= 0 else { return }
    let last = heap.removeLast()
    connection.timerIndex = -1
    guard last !== connection else { return }
    heap[index] = last
    last.timerIndex = index
    siftDown(siftUp(index))
  }

  private mutating func siftUp(_ start: Int) -> Int {
    var index = start
    while index > 0, heap[index].timerDeadline < heap[(index - 1) / 2].timerDeadline {
      swap(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
    return index
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in 2 * index + 1...2 * index + 2 where child < heap.count && heap[child].timerDeadline < heap[least].timerDeadline {
        least = child
      }
      guard least != index else { return }
      swap(index, least)
      index = least
    }
  }

  private mutating func swap(_ a: Int, _ b: Int) {
    heap.swapAt(a, b)
    heap[a].timerIndex = a
    heap[b].timerIndex = b
  }
}
