package mono

// NameMark is in the name of every specialisation and in no other name.
const NameMark = "__x07_mono_v1__"
