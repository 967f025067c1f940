/** One figure: ours against a named peer in the same run. */
export interface Figure {
  readonly name: string;
  readonly ours: string;
  readonly peerName: string;
  readonly peer: string;
  /** Ours divided by the peer's. Below 1 is better than the peer. */
  readonly ratio: number;
}

export function print(figure: Figure): void {
  console.log(figure.name);
  console.log(`  Cordon        ${figure.ours}`);
  console.log(`  ${figure.peerName.padEnd(13)} ${figure.peer}`);
  console.log(`  ratio         ${figure.ratio.toFixed(2)}`);
  console.log('');
}
