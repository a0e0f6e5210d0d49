// A program outside the tree: includes what is installed, links what is exported, and gets a clear
// error where no node is.
#include <conduit/client.h>

#include <cstdio>
#include <string>

int main() {
  const auto nobody = conduit::Client::connect("tcp://127.0.0.1:1");
  if (nobody) {
    std::puts("a client connected to a port where nothing listens");
    return 1;
  }
  std::printf("as expected: %s\n", nobody.error().message.c_str());
  return nobody.error().message.find("127.0.0.1:1") == std::string::npos;
}
