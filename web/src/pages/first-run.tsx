import { Head } from "../ui/Basics";

export default function FirstRun() {
  return <Head title="First run" />;
}
