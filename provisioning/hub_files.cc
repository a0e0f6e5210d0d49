// Names of files, as authors of models write them.
#include "provisioning/hub_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <string_view>

namespace conduit::provisioning {

namespace {

using Names = std::vector<std::string>;

// As llama.cpp's -hf: these in this order, then the first there is.
constexpr std::array<std::string_view, 2> kUsualQuants = {"Q4_K_M", "Q8_0"};
constexpr std::string_view kGguf = ".gguf";
constexpr std::string_view kSafetensors = ".safetensors";
constexpr int kMostParts = 999;  // more make no model that a machine holds

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string_view name_in_folder(std::string_view path) {
  return path.substr(path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1);
}

bool is_number(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(),
                                         [](unsigned char c) { return std::isdigit(c) != 0; });
}

// `model-00002-of-00003.gguf`: what stands before and behind, and the numbers.
struct Part {
  std::string_view before, extension;
  int number = 0, count = 0;
};
bool read_part(std::string_view file, Part& part) {
  constexpr std::size_t kLength = 15;  // -00002-of-00003
  const std::size_t dot = file.rfind('.');
  if (dot == file.npos || dot < kLength) return false;
  const std::string_view mark = file.substr(dot - kLength, kLength);
  if (mark[0] != '-' || mark.substr(6, 4) != "-of-" || !is_number(mark.substr(1, 5)) ||
      !is_number(mark.substr(10)))
    return false;
  part.before = file.substr(0, dot - kLength);
  part.extension = file.substr(dot);
  std::from_chars(mark.data() + 1, mark.data() + 6, part.number);
  std::from_chars(mark.data() + 10, mark.data() + 15, part.count);
  return part.number >= 1 && part.count >= part.number && part.count <= kMostParts;
}

// Without the number of a part and the ending.
std::string_view stem(std::string_view file) {
  Part part;
  return read_part(file, part) ? part.before : file.substr(0, file.rfind('.'));
}

bool is_first_part(const std::string& file) {
  Part part;
  return !read_part(file, part) || part.number == 1;
}

// --- GGUF

// A model's own file, not the image encoder or the importance matrix beside it.
bool is_gguf_model(const std::string& file) {
  const std::string name = lower(std::string(name_in_folder(file)));
  return name.ends_with(kGguf) && !name.starts_with("mmproj") && !name.starts_with("imatrix") &&
         is_first_part(name);
}

// Whether the name ends in the quantisation, as a word of its own.
bool has_quant(const std::string& file, std::string_view quant) {
  const std::string name = lower(std::string(name_in_folder(stem(file))));
  const std::string wanted = lower(std::string(quant));
  if (!name.ends_with(wanted)) return false;
  const std::size_t before = name.size() - wanted.size();
  return before == 0 || std::string_view("-._").find(name[before - 1]) != std::string_view::npos;
}

std::string listed_quants(const Names& models) {
  std::set<std::string> quants;
  for (const std::string& file : models) {
    const std::string quant = quant_of(file);
    quants.insert(quant.empty() ? std::string(name_in_folder(file)) : quant);
  }
  std::string text;
  for (const std::string& quant : quants) text += (text.empty() ? "" : ", ") + quant;
  return text;
}

// Of several the shortest: Q4_K_M, not UD-Q4_K_M.
const std::string* find_quant(const Names& models, std::string_view quant) {
  const std::string* found = nullptr;
  for (const std::string& file : models)
    if (has_quant(file, quant) && (found == nullptr || file.size() < found->size())) found = &file;
  return found;
}

Result<ChosenFiles> choose_gguf(const HubName& name, const Names& models) {
  const std::string* found = nullptr;
  if (!name.quant.empty()) {
    found = find_quant(models, name.quant);
    if (found == nullptr)
      return Error{Code::not_found, to_string(name) + ": no GGUF of " + name.quant +
                                        " is there; there is: " + listed_quants(models)};
  }
  for (const std::string_view quant : kUsualQuants)
    if (found == nullptr) found = find_quant(models, quant);
  if (found == nullptr) found = &models.front();
  return ChosenFiles{parts_of(*found), *found};
}

// --- a folder

bool is_in_root(const std::string& file) { return file.find('/') == file.npos; }

// What transformers would load: not the authors' own format beside it, nor a variant.
bool is_weights(const std::string& file) {
  if (!is_in_root(file) || !file.ends_with(kSafetensors)) return false;
  const std::string_view name = stem(file);
  return name == "model" || name == "adapter_model";
}

bool is_config(const std::string& file) {
  if (!is_in_root(file)) return file == "1_Pooling/config.json";
  constexpr std::array<std::string_view, 6> kEndings = {
      ".json", ".jinja", "tokenizer.model", "vocab.txt", "merges.txt", ".tiktoken"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return file.ends_with(ending); });
}

Result<ChosenFiles> choose_folder(const Names& listed) {
  ChosenFiles chosen;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(chosen.files), is_config);
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(chosen.files), is_weights);
  return chosen;
}

Result<ChosenFiles> choose_one(const HubName& name, const Names& listed) {
  if (std::find(listed.begin(), listed.end(), name.file) != listed.end())
    return ChosenFiles{parts_of(name.file), name.file};
  Names models;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(models), is_gguf_model);
  std::string there;
  for (const std::string& file : models) there += (there.empty() ? "" : ", ") + file;
  return Error{Code::not_found, to_string(name) + ": the repository has no such file" +
                                    (there.empty() ? "" : "; it has: " + there)};
}

}  // namespace

std::vector<std::string> parts_of(const std::string& file) {
  Part part;
  if (!read_part(file, part)) return {file};
  Names parts;
  const std::string count(file.substr(part.before.size() + 10, 5));
  for (int i = 1; i <= part.count; ++i) {
    const std::string number = std::to_string(i);
    parts.push_back(std::string(part.before) + "-" + std::string(5 - number.size(), '0') + number +
                    "-of-" + count + std::string(part.extension));
  }
  return parts;
}

std::string quant_of(const std::string& file) {
  const std::string_view name = name_in_folder(stem(file));
  const std::string_view word = name.substr(name.find_last_of("-.") + 1);
  constexpr std::array<std::string_view, 7> kBeginnings = {"q",   "iq",   "tq",   "f16",
                                                           "f32", "bf16", "mxfp4"};
  const std::string small = lower(std::string(word));
  const bool is_quant =
      std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](std::string_view beginning) {
        const std::size_t length = beginning.size();
        return small.starts_with(beginning) &&
               (length > 2 || (small.size() > length &&
                               std::isdigit(static_cast<unsigned char>(small[length])) != 0));
      });
  return is_quant ? std::string(word) : "";
}

Result<ChosenFiles> choose_files(const HubName& name, const std::vector<std::string>& listed) {
  if (!name.file.empty()) return choose_one(name, listed);
  if (name.quant.empty() && std::any_of(listed.begin(), listed.end(), is_weights))
    return choose_folder(listed);
  Names models;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(models), is_gguf_model);
  if (!models.empty()) return choose_gguf(name, models);
  return Error{Code::not_found,
               to_string(name) + (name.quant.empty()
                                      ? ": neither model.safetensors nor a GGUF file is there, and "
                                        "Conduit reads no other format"
                                      : ": no GGUF file is there; leave :" + name.quant + " away")};
}

}  // namespace conduit::provisioning
