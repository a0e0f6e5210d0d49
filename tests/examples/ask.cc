// Asks a model for a struct. Usage: ask PATH.gguf QUESTION
#include <conduit/client.h>

#include <iostream>

struct Part {
  std::string name;
  double weight;
};

struct Ticket {
  conduit::mdl::text<120> title;
  conduit::mdl::range<int, 1, 5> priority;
  conduit::mdl::one_of<"open", "closed"> state;
  std::optional<std::vector<std::string>> tags;
  std::map<std::string, Part> parts;
};

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto client = conduit::Client::embed_node({.models = {std::string("mine=") + argv[1]}});
  if (!client) return std::cerr << client.error().message << '\n', 1;
  conduit::ChatOptions options;
  options.max_tokens = 200;
  const auto ticket = client->ask<Ticket>("mine", argv[2], options);
  if (!ticket) return std::cerr << ticket.error().message << '\n', 1;
  std::cout << ticket->title.value << ", priority " << ticket->priority << ", "
            << ticket->parts.size() << " parts\n";
}
