// A plugin from another time: only its card is ever looked at.
struct card {
  const char *magic, *version, *abi;
  void (*fill)();
};

static void never_called() {}

extern "C" const card* behalf_plugin() {
  static const card mine{"behalf-plugin", "0.0.0", "g++-0", &never_called};
  return &mine;
}
