/// The groups of a node's settings. `SerfConfiguration` has one value of each, with the timings of its profile.
///
/// The defaults are those of Go Serf (`serf.md` section 19) wherever a peer could notice a difference. Where Go has no limits, the limits are our own.
/// A node refuses, with ``SerfError/Code/configuration``, a time below zero or above 100 years, an interval between zero and 1 ms, a number below
/// zero or above 2,147,483,647, a factor or a number of chosen members above 1,000, and a buffer of no slots or of more than 1,048,576. The timeout of a
/// push/pull is at least 1 ms.
///
/// Where a default is three values, they are those of the profiles `lan`, `wan` and `local`; a group made by its initialiser has those of `lan`.
public enum SerfSettings {}
