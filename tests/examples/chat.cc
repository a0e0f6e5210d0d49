// Asks a node of a running cluster one question and prints the answer as it comes: the ten lines of
// the README. Usage: chat tcp://127.0.0.1:PORT MODEL QUESTION
#include <conduit/client.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto client = conduit::Client::connect(argv[1]);
  if (!client) return std::cerr << client.error().message << '\n', 1;
  const auto answer = client->chat(argv[2], {{"user", argv[3]}}, {},
                                   [](std::string_view text) { std::cout << text << std::flush; });
  if (!answer) return std::cerr << answer.error().message << '\n', 1;
  std::cout << '\n';
}
