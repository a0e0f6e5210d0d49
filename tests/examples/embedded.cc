// A program with a node inside: no server, no port. Two answers are made at once by futures, a
// third is cancelled. Usage: embedded PATH.gguf
#include <conduit/client.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto client = conduit::Client::embed_node(
      {.models = {std::string("mine=") + argv[1]}, .settings = {{"max_model_concurrency", "4"}}});
  if (!client) return std::cerr << client.error().message << '\n', 1;

  conduit::ChatOptions options;
  options.max_tokens = 24;
  auto sky = client->chat_async("mine", {{"user", "Why is the sky blue?"}}, options);
  auto sum = client->complete_async("mine", "One and one is", options);
  auto endless = client->complete_async("mine", "And so on, and so on");
  for (auto* call : {&sky, &sum}) {
    const auto answer = call->get();
    if (!answer) return std::cerr << answer.error().message << '\n', 1;
    std::cout << answer->completion_tokens << " tokens: " << answer->text << '\n';
  }
  endless.cancel();
  const auto end = endless.get();
  return end || end.error().code == conduit::Code::cancelled ? 0 : 1;
}
