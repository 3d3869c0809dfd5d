/// A first-in-first-out queue over one array, whose memory is used again.
///
/// Taking an element advances an index. The places before it are given back when the queue is empty, or when they are half of the array and at least
/// 256: so a queue that never gets empty does not grow, and each element is moved once on average.
///
/// `@usableFromInline` on the type is what lets other modules specialise it: without it `@inlinable` on a package member has no effect.
@usableFromInline package struct DrainQueue<Element> {
  @usableFromInline var elements: [Element] = []
  /// The index of the first element that waits; those before it have been taken.
  @usableFromInline var head = 0
  @usableFromInline let keptCapacity: Int

  /// An empty queue. When it has been emptied it keeps the memory of up to `keptCapacity` elements; after a larger burst it frees all.
  @inlinable package init(keptCapacity: Int = 4096) { self.keptCapacity = keptCapacity }

  /// How many elements wait.
  @inlinable package var count: Int { elements.count - head }

  /// Whether nothing waits.
  @inlinable package var isEmpty: Bool { head == elements.count }

  /// The element that waits longest.
  @inlinable package var first: Element? { head < elements.count ? elements[head] : nil }

  /// Everything that waits, the oldest first.
  @inlinable package var waiting: ArraySlice<Element> { elements[head...] }

  /// For how many elements there is memory.
  @inlinable package var capacity: Int { elements.capacity }

  /// Adds an element behind the others.
  @inlinable package mutating func append(_ element: Element) { elements.append(element) }

  /// Takes the element that waits longest, or nil.
  @inlinable package mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    head += 1
    if head == elements.count {
      removeAll()
    } else if head >= 256, head >= elements.count / 2 {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  /// Changes the element that waits longest. There must be one.
  @inlinable package mutating func modifyFirst(_ body: (inout Element) -> Void) { body(&elements[head]) }

  /// Drops everything.
  @inlinable package mutating func removeAll() {
    if elements.capacity > keptCapacity { elements = [] } else { elements.removeAll(keepingCapacity: true) }
    head = 0
  }

  /// Drops everything, and puts these elements in its place.
  @inlinable package mutating func replaceAll(with elements: [Element]) {
    self.elements = elements
    head = 0
  }
}

extension DrainQueue: Sendable where Element: Sendable {}
