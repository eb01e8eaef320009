/** How binding a clause is (RFC 2119). */
export type ClauseLevel = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY";
export type ClauseRole = "driver" | "device";

/** A normative statement of the specification. */
export interface Clause {
  /** The heading in the specification's source, and the statement's number there: `devicenormative:...#2`. */
  readonly id: string;
  /** {@link id} without the number. */
  readonly heading: string;
  /** Counted from 1 within the heading. */
  readonly number: number;
  /** `Split Virtqueues`. */
  readonly section: string;
  readonly role: ClauseRole;
  readonly level: ClauseLevel;
  /** In our own words. */
  readonly summary: string;
}

/** A file of `data/`: the clauses of a section. Under each heading, in order: `MUST: what`, or `driver MUST: what`. */
export interface SectionData {
  readonly section: string;
  readonly headings: Readonly<Record<string, readonly string[]>>;
}

const TEXT = /^(?:(driver|device) )?(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY): (.+)$/;

/** The clauses of a section. @throws {Error} if a line of the data cannot be read, or a heading does not say whose it is. */
export function readSection({ section, headings }: SectionData): Clause[] {
  return Object.entries(headings).flatMap(([heading, texts]) =>
    texts.map((text, i): Clause => {
      const id = `${heading}#${i + 1}`;
      const match = TEXT.exec(text);
      if (match === null) throw new Error(`${id}: "${text}", expected LEVEL: summary`);
      const role = match[1] ?? /^(driver|device)normative:/.exec(heading)?.[1];
      if (role === undefined) throw new Error(`${id}: neither heading nor text says driver or device`);
      return {
        id,
        heading,
        number: i + 1,
        section,
        role: role as ClauseRole,
        level: match[2] as ClauseLevel,
        summary: match[3],
      };
    })
  );
}
