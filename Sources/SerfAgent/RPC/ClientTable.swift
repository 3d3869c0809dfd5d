import NIOCore

/// Which clients are connected to the RPC, and which of them makes room for a newcomer.
///
/// Any client may take a free place. When none is free, the client that has been connected longest without introducing itself makes room. Clients
/// that have introduced themselves keep their places.
struct ClientTable {
  /// Names a client while it is connected; a later client has a higher number.
  typealias ID = UInt64

  let limit: Int
  /// The clients that have not introduced themselves, the oldest first.
  private var strangers: [(id: ID, channel: any Channel)] = []
  private var introduced: Set<ID> = []
  private var lastID: ID = 0

  init(limit: Int) { self.limit = limit }

  /// Gives a newcomer a place: its number, and the stranger that must go for it. Nil if there is no place.
  mutating func admit(_ channel: any Channel) -> (id: ID, evicted: (any Channel)?)? {
    var evicted: (any Channel)?
    if strangers.count + introduced.count >= limit {
      guard !strangers.isEmpty else { return nil }
      evicted = strangers.removeFirst().channel
    }
    lastID += 1
    strangers.append((lastID, channel))
    return (lastID, evicted)
  }

  /// A stranger has introduced itself; nothing happens if it has lost its place in the meantime.
  mutating func introduce(_ id: ID) {
    guard let position = strangers.firstIndex(where: { $0.id == id }) else { return }
    strangers.remove(at: position)
    introduced.insert(id)
  }

  mutating func remove(_ id: ID) {
    strangers.removeAll { $0.id == id }
    introduced.remove(id)
  }
}
