// How the search page ranks; Sphinx puts this file where its own search runs.
//
// Sphinx lists the pages that have every word, by the place of the best one. People
// describe what they see, in words of which some are on no page and some on all. So here
// each word counts: the fewer pages have it, the more, and in a title or among the words of
// a record (RECORDS) three times as much as in a text. A word that no page has is dropped,
// and said. A record without a page is found as a part of the list of failure modes. On a
// page that has many answers, such as the recipes, the result is the heading with most of
// the words.
var Scorer = {
  objNameMatch: 60,
  objPartialMatch: 10,
  objPrio: {},
  objPrioDefault: 0,
  title: 50,
};

// Words in questions that do not describe a symptom, and are not in Sphinx's own list.
for (const word of ["across", "anyone", "can", "ever", "get", "gets", "getting", "help", "just",
  "make", "makes", "need", "please", "problem", "question", "really", "seem", "seems", "true",
  "use", "used", "uses", "using", "way", "will", "within", "without"]) stopwords.add(word);
// Sphinx ignores "once", which is a symptom here: "once per worker".
stopwords.delete("once");
// "Aren't" is a word to ignore, and not the words "aren" and "t".
const splitWords = splitQuery;
splitQuery = (query) => splitWords(query.replace(/[a-z]+['’][a-z]+/gi, (word) =>
  stopwords.has(word.toLowerCase().replace("’", "'")) ? "" : word.split(/['’]/)[0]));

Search.performTermsSearch = (searchTerms) => {
  const { alltitles, docnames, filenames, terms, titles, titleterms } = Search._index;
  const stemmer = new Stemmer();
  const stems = (text) => splitQuery(text.toLowerCase()).map((word) => stemmer.stemWord(word));
  const list = docnames.indexOf("reference/failure-modes");
  const headings = docnames.map(() => []);
  for (const [heading, found] of Object.entries(alltitles)) {
    for (const [page, id] of found)
      if (id && !docnames[page].startsWith("gallery/"))
        headings[page].push({ heading, id, words: stems(heading), score: 0 });
  }

  // Places are pages, and after them the records without a page. The headings of symptoms are
  // questions that no record has.
  const rank = RECORDS.length;
  const places = docnames.map((name, page) => {
    const own = name.startsWith("symptoms/") ? headings[page].map(({ heading }) => heading) : [];
    return { page, title: titles[page], own: [titles[page], ...own], rank };
  });
  for (const [i, [name, slug, own]] of RECORDS.entries()) {
    const place = places[docnames.indexOf(name)];
    if (place) Object.assign(place, { own: [...place.own, ...own], rank: i });
    else places.push({ page: list, title: own[0], own, rank: i, anchor: `#${slug}` });
  }
  for (const place of places) place.words = place.own.flatMap(stems);
  const pagesWith = (word) =>
    [terms, titleterms].flatMap((index) => (Object.hasOwn(index, word) ? index[word] : []));

  const vocabulary = Object.keys({ ...terms, ...titleterms });
  const matching = (is) => {
    const inOwn = new Set([...places.keys()].filter((place) => places[place].words.some(is)));
    return [inOwn, new Set([...inOwn, ...vocabulary.filter(is).flatMap(pagesWith)])];
  };

  const scores = new Map();
  const dropped = [];
  let best = 0;
  // A set that is added to in the loop: its new words come at the end.
  const words = new Set(searchTerms);
  for (const word of words) {
    let [inOwn, found] = matching((other) => other === word);
    // A part of a word, such as "distributed".
    if (!found.size && word.length > 2) {
      [inOwn, found] = matching((other) => other.includes(word));
    }
    if (!found.size) {
      // An option or argument of another program, such as "same_on_batch".
      const parts = word.split("_").filter((part) => part !== word && !stopwords.has(part));
      if (!parts.length) dropped.push(word);
      for (const part of parts) if (part) words.add(stemmer.stemWord(part));
      continue;
    }
    const weight = Math.log(1 + places.length / (found.size + 5));
    best += weight;
    for (const place of found) {
      const score = weight * (inOwn.has(place) ? 1 : 1 / 3);
      scores.set(place, (scores.get(place) ?? 0) + score);
      if (places[place].anchor) continue;
      for (const one of headings[place]) if (one.words.includes(word)) one.score += weight;
    }
  }
  sayDropped(dropped, stemmer);
  const result = ([place, score]) => {
    const { page, title, anchor } = places[place];
    const [first] = anchor ? [] : headings[page].sort((one, other) => other.score - one.score);
    const { heading, id } = first?.score ? first : {};
    return [
      docnames[page],
      id ? `${title}: ${heading}` : title,
      anchor ?? (id ? `#${id}` : ""),
      null,
      // Records are in the order of how often people ask for them.
      (100 * score) / best - places[place].rank * 0.05,
      filenames[page],
      SearchResultKind.text,
    ];
  };
  // A page that has only the most common word does not answer. Sphinx fetches each result.
  const highest = Math.max(...scores.values());
  const answers = [...scores].filter(([, score]) => score >= highest / 2);
  return answers.sort(([, one], [, other]) => other - one).slice(0, 20).map(result);
};

// The excerpt of a failure's page is its symptom and cause, from their beginning. The excerpt of
// another page is Sphinx's, without the path and the title that stand above it.
const summarize = Search.makeSearchSummary;
Search.makeSearchSummary = (html, keywords, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const part of page.querySelectorAll("main nav, main h1, .note")) part.remove();
  const [symptom, cause] = page.querySelectorAll("ul:has(+ .repair) > li");
  if (!cause) return summarize(page.documentElement.outerHTML, keywords, anchor);
  const excerpt = document.createElement("p");
  excerpt.className = "context";
  excerpt.textContent = `${symptom.textContent} ${cause.textContent}`;
  return excerpt;
};

// Says which of the typed words no page has; Sphinx gives their stems.
const sayDropped = (stems, stemmer) => {
  document.querySelector(".search-dropped")?.remove();
  const results = document.querySelector("#search-results");
  if (!stems.length || !results) return;
  const field = document.querySelector("dialog[open] input[name=q], main input[name=q]");
  const typed = splitQuery(field?.value ?? "");
  const words = typed.filter((word) => stems.includes(stemmer.stemWord(word.toLowerCase())));
  const note = document.createElement("p");
  note.className = "search-dropped";
  note.setAttribute("role", "status");
  note.textContent = `Without ${(words.length ? words : stems).join(", ")}: no page has it.`;
  results.before(note);
};
