// swift-format-ignore-file
// The compiler reads `.==` as one operator, so the full stop needs a space on each side, which the formatter would remove.
// Operators are names too, although they are members of types: without these imports, `name == text` does not compile.
@_exported public import func SerfPrimitives . ==
@_exported public import func SerfPrimitives . !=
@_exported public import func SerfPrimitives . ~=
