/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty: this was the last page. */
  readonly nextPageToken: string;
}

/** Largest page that the server gives. */
export const PAGE_SIZE = 1000;

/**
 * Reads pages until the last one, or until there are `limit` items.
 * @param read one page of at most `pageSize` items
 */
export async function readPages<Item>(
  read: (pageToken: string, pageSize: number) => Promise<Page<Item>>,
  limit = Infinity,
): Promise<Item[]> {
  const items: Item[] = [];
  let pageToken = '';
  do {
    const page = await read(pageToken, Math.min(PAGE_SIZE, limit - items.length));
    items.push(...page.items);
    // A server that repeats its token would keep this going for ever.
    pageToken = page.nextPageToken === pageToken ? '' : page.nextPageToken;
  } while (pageToken !== '' && items.length < limit);
  return items.slice(0, limit);
}
