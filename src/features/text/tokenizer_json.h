// The members of tokenizers' JSON files.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "features/text/tokenizer.h"

namespace blindtuner::features {

/// An object in a file of at most kMaxTokenizerBytes. Throws DataError.
nlohmann::json read_json_object(const std::filesystem::path& path);
/// A member that is an object; an empty one when there is none.
const nlohmann::json& json_part(const nlohmann::json& object, const char* key);
/// A member that is a word, or a token written as an object; or `otherwise`.
std::string json_word(const nlohmann::json& object, const char* key, const std::string& otherwise);
bool json_flag(const nlohmann::json& object, const char* key, bool otherwise);
/// The tokens before and behind a text, out of a post_processor. Throws DataError.
std::pair<std::string, std::string> template_tokens(const nlohmann::json& processor,
                                                    const std::string& where);
/// Token -> id of an object. Throws DataError when an id is none below kMaxVocabulary.
Vocabulary json_vocabulary(const nlohmann::json& object, const std::string& where);
/// tokenizer.json's added_tokens, which are put into the vocabulary where they are not in it.
std::vector<SpecialToken> added_tokens(const nlohmann::json& all, Vocabulary& vocabulary,
                                       const std::string& where);

}  // namespace blindtuner::features
