// A program outside the tree: includes what is installed, links what is exported, and gets a clear
// error where no node is.
#include <conduit/client.h>
#include <conduit/mdl.h>

#include <cstdio>
#include <string>

struct Greeting {
  conduit::mdl::text<20> words;
};

int main() {
  const auto hint = conduit::mdl::hint(conduit::mdl::type_of<Greeting>());
  if (!hint || hint->at(0) != "words: str[..20]") {
    std::puts("a struct has another hint than it should");
    return 1;
  }
  const auto nobody = conduit::Client::connect("tcp://127.0.0.1:1");
  if (nobody) {
    std::puts("a client connected to a port where nothing listens");
    return 1;
  }
  std::printf("as expected: %s\n", nobody.error().message.c_str());
  return nobody.error().message.find("127.0.0.1:1") == std::string::npos;
}
