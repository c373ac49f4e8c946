// How the search page ranks; Sphinx puts this file where its own search runs.
//
// Sphinx lists the pages that have every word, by the place of the best one. People
// describe what they see, in words of which some are on no page and some on all. So here
// each word counts: the fewer pages have it, the more, and in a page's title or among its
// readers' words three times as much as in its text. A page that has them all there gets
// 100; what Sphinx adds, names of the API and headings, gets less. On a page that has many
// answers, such as the recipes, the result is the heading with most of the words.
var Scorer = {
  objNameMatch: 60,
  objPartialMatch: 10,
  objPrio: {},
  objPrioDefault: 0,
  title: 50,
};

Search.performTermsSearch = (searchTerms) => {
  const { alltitles, docnames, filenames, terms, titles, titleterms } = Search._index;
  const stemmer = new Stemmer();
  const own = titles.map((title, page) => [title, ...(READERS_WORDS[docnames[page]] ?? [])]);
  const stems = (text) => splitQuery(text.toLowerCase()).map((word) => stemmer.stemWord(word));
  const ownWords = own.map((texts) => texts.flatMap(stems));
  const pagesWith = (word) =>
    [terms, titleterms].flatMap((index) => (Object.hasOwn(index, word) ? index[word] : []));

  const vocabulary = Object.keys({ ...terms, ...titleterms });
  const matching = (is) => {
    const inOwn = new Set([...ownWords.keys()].filter((page) => ownWords[page].some(is)));
    return [inOwn, new Set([...inOwn, ...vocabulary.filter(is).flatMap(pagesWith)])];
  };

  const headings = docnames.map(() => []);
  for (const [heading, places] of Object.entries(alltitles)) {
    for (const [page, id] of places)
      if (id && !docnames[page].startsWith("gallery/"))
        headings[page].push({ heading, id, words: stems(heading), score: 0 });
  }

  const scores = new Map();
  let best = 0;
  for (const word of searchTerms) {
    let [inOwn, pages] = matching((other) => other === word);
    // A part of a word, such as "distributed".
    if (!pages.size && word.length > 2) {
      [inOwn, pages] = matching((other) => other.includes(word));
    }
    const weight = pages.size && Math.log(1 + titles.length / pages.size);
    best += weight;
    for (const page of pages) {
      const score = weight * (inOwn.has(page) ? 1 : 1 / 3);
      scores.set(page, (scores.get(page) ?? 0) + score);
      for (const one of headings[page]) if (one.words.includes(word)) one.score += weight;
    }
  }
  const result = ([page, score]) => {
    const [first] = headings[page].sort((one, other) => other.score - one.score);
    const { heading, id } = first?.score ? first : {};
    return [
      docnames[page],
      id ? `${titles[page]}: ${heading}` : titles[page],
      id ? `#${id}` : "",
      null,
      Math.round((100 * score) / best),
      filenames[page],
      SearchResultKind.text,
    ];
  };
  // A page that has only the most common word does not answer.
  return [...scores].filter(([, score]) => score >= best / 4).map(result);
};
