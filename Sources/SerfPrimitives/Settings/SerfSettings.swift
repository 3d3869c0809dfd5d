/// The groups of a node's settings. `SerfConfiguration` has one value of each, with the timings of its profile.
///
/// The defaults are those of Go Serf (`serf.md` section 19) wherever a peer could notice a difference. Where Go has no limits, the limits are our own.
/// Where a default is three values, they are those of the profiles `lan`, `wan` and `local`; a group made by its initialiser has those of `lan`.
public enum SerfSettings {}
