/** A control group as nft names it. */
export interface CgroupMatch {
  /** Depth below the cgroup2 root; nft compares the ancestor of the socket at this depth. 1 and up. */
  readonly level: number;
  /** Path below /sys/fs/cgroup, without a leading slash. */
  readonly path: string;
}

/** Condition that the socket of a packet was made in this cgroup or below it. */
export function cgroupMatch({ level, path }: CgroupMatch): string {
  return `socket cgroupv2 level ${level} "${path}"`;
}
