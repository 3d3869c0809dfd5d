import MemoryTransport
import Serf
import Testing
import Wiretap

/// What subscriptions leave behind.
@Suite struct SubscriptionMemoryTests {
  @Test(
    "two thousand subscriptions that are made and dropped unread leave no memory behind",
    .enabled(if: allocatedBytes() != nil, "malloc cannot be asked: not glibc, or a sanitizer's"))
  func unread() async {
    // In a process of its own: other suites of this one allocate meanwhile.
    await #expect(processExitsWith: .success) {
      let node = try SerfNode(transport: MemoryHub().transport(), configuration: .test("a"))
      try await node.start()
      var allocated: [Int] = []
      for _ in 0..<2 {
        for index in 0..<1_000 {
          let (all, changes, users) = (node.events(), node.memberEvents(), node.userEvents(named: "x"))
          if index % 100 == 0 {
            try await node.userEvent("x")
            precondition(all.waiting == 1 && changes.waiting == 0 && users.waiting == 1)
          }
        }
        allocated.append(allocatedBytes() ?? 0)
      }
      precondition(allocated[1] <= allocated[0] + 65_536, "\(allocated)")
      // Subscriptions that were kept would have shown.
      let kept = (0..<1_000).map { _ in node.events() }
      precondition((allocatedBytes() ?? 0) > allocated[1] + 65_536, "\(allocated)")
      withExtendedLifetime(kept) {}
      await node.shutdown()
    }
  }
}
