import CTestCrypto

/// Bytes that malloc has given out in this process (`mallinfo2`); nil where they are not known: without glibc, or with a sanitizer's allocator.
package func allocatedBytes() -> Int? {
  let count = tc_allocated_bytes()
  return count == 0 ? nil : count
}
