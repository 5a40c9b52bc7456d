import { Head } from "../ui/Basics";

export default function Home() {
  return <Head title="Home" />;
}
