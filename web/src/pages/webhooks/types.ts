/** What a webhook can be told of. */
export const TYPES: [string, string][] = [
  ["accepted", "Accepted"],
  ["delivered", "Delivered"],
  ["temporary_fail", "Deferred"],
  ["permanent_fail", "Failed"],
  ["opened", "Opened"],
  ["clicked", "Clicked"],
  ["unsubscribed", "Unsubscribed"],
  ["complained", "Complained"],
];
